/**
 * However often it is called, does the work at most once a frame, and not at all while the page is hidden.
 * @param {() => void} work
 * @returns {() => void}
 */
export function oncePerFrame(work) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      work();
    });
  };
}
