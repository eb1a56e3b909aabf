//! Reads the frames of a server and writes those of a client. Built to cost little: payloads are counted, not kept, apart
//! from their first bytes.

/// How much of a payload a reader of frames gets to see, bytes: a stamp is in it. No control frame is longer.
pub(crate) const START_BYTES_MAX: usize = 256;

const HEAD_BYTES_MAX: usize = 10;

/// A frame that has arrived as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub(crate) opcode: u8,
    /// Length of the payload, bytes.
    pub(crate) payload_bytes: u64,
    /// The start of the payload: at least [`START_BYTES_MAX`] bytes of it, or all.
    pub(crate) start: &'a [u8],
}

/// Finds the frames in what a server sends, in whatever pieces it arrives.
#[derive(Debug)]
pub(crate) struct FrameReader {
    /// Head and start of a frame that is not complete.
    held: [u8; HEAD_BYTES_MAX + START_BYTES_MAX],
    held_bytes: usize,
    /// What is to come of its payload after the start.
    rest_bytes: u64,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self { held: [0; HEAD_BYTES_MAX + START_BYTES_MAX], held_bytes: 0, rest_bytes: 0 }
    }
}

impl FrameReader {
    /// Reads the next `chunk` of the stream and tells `found` of every frame that it completes.
    pub(crate) fn feed(&mut self, mut chunk: &[u8], mut found: impl FnMut(Frame<'_>)) {
        while !chunk.is_empty() {
            if self.held_bytes == 0
                && let Some(head) = Head::read(chunk)
                && let Some(frame) = chunk[head.bytes..].get(..head.payload_bytes as usize)
            {
                found(Frame { opcode: head.opcode, payload_bytes: head.payload_bytes, start: frame });
                chunk = &chunk[head.bytes + frame.len()..];
            } else {
                chunk = self.hold(chunk, &mut found);
            }
        }
    }

    /// Takes what belongs to one incomplete frame from `chunk` and returns what is left.
    fn hold<'c>(&mut self, mut chunk: &'c [u8], found: &mut impl FnMut(Frame<'_>)) -> &'c [u8] {
        if self.rest_bytes == 0 {
            let Some(head) = self.take_head(&mut chunk) else { return chunk };
            let start_bytes = head.payload_bytes.min(START_BYTES_MAX as u64);
            if !self.take(&mut chunk, head.bytes + start_bytes as usize) {
                return chunk;
            }
            self.rest_bytes = head.payload_bytes - start_bytes;
        }
        let skipped = self.rest_bytes.min(chunk.len() as u64);
        self.rest_bytes -= skipped;
        if self.rest_bytes == 0
            && let Some(head) = Head::read(&self.held[..self.held_bytes])
        {
            let start = &self.held[head.bytes..self.held_bytes];
            found(Frame { opcode: head.opcode, payload_bytes: head.payload_bytes, start });
            self.held_bytes = 0;
        }
        &chunk[skipped as usize..]
    }

    fn take_head(&mut self, chunk: &mut &[u8]) -> Option<Head> {
        loop {
            if let Some(head) = Head::read(&self.held[..self.held_bytes]) {
                return Some(head);
            }
            if !self.take(chunk, self.held_bytes + 1) {
                return None;
            }
        }
    }

    /// Fills `held` up to `bytes` from `chunk`; false if the chunk is too short.
    fn take(&mut self, chunk: &mut &[u8], bytes: usize) -> bool {
        let (now, later) = chunk.split_at(bytes.saturating_sub(self.held_bytes).min(chunk.len()));
        self.held[self.held_bytes..self.held_bytes + now.len()].copy_from_slice(now);
        self.held_bytes += now.len();
        *chunk = later;
        self.held_bytes >= bytes
    }
}

struct Head {
    opcode: u8,
    bytes: usize,
    payload_bytes: u64,
}

impl Head {
    /// Reads the head of an unmasked frame, if all of it is there.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (extra, payload_bytes) = match second & 0x7f {
            126 => (2, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (8, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            short => (0, u64::from(short)),
        };
        Some(Self { opcode: first & 0x0f, bytes: 2 + extra, payload_bytes })
    }
}

/// Appends a client's frame. The masking key is zero, which is allowed and leaves the payload as it is: the client stays
/// light, and the server has to unmask all the same.
pub(crate) fn append_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    append_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Appends a server's frame.
pub(crate) fn append(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    append_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn append_head(out: &mut Vec<u8>, opcode: u8, payload_bytes: usize, mask_bit: u8) {
    out.push(0x80 | opcode);
    match payload_bytes {
        0..=125 => out.push(mask_bit | payload_bytes as u8),
        126..=0xffff => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_in_pieces_of_any_size() {
        let payloads: Vec<Vec<u8>> = [0, 1, 125, 126, 127, 255, 256, 257, 831, 65_535, 65_536]
            .iter()
            .map(|&n| vec![n as u8; n])
            .collect();
        let mut stream = Vec::new();
        for payload in &payloads {
            append(&mut stream, 1, payload);
        }
        for piece in [1, 2, 3, 7, 255, 256, 257, 1_000, 70_000, stream.len()] {
            let mut reader = FrameReader::default();
            let mut found = Vec::new();
            for chunk in stream.chunks(piece) {
                reader.feed(chunk, |frame| {
                    found.push((
                        frame.opcode,
                        frame.payload_bytes,
                        frame.start[..frame.start.len().min(START_BYTES_MAX)].to_vec(),
                    ));
                });
            }
            let expected: Vec<_> = payloads
                .iter()
                .map(|payload| {
                    (1, payload.len() as u64, payload[..payload.len().min(START_BYTES_MAX)].to_vec())
                })
                .collect();
            assert_eq!(found, expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_clients_frame_is_masked() {
        let mut out = Vec::new();
        append_masked(&mut out, 1, b"hi");
        assert_eq!(out, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    }
}
