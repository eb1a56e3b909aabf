//! The storm in a folder of `files_watcher`: creates, renames and removes files at random and at full speed, until it has made
//! its share of them and the standard input has ended.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::Parser;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Names that there are: fewer than files are made, so that several processes get in each other's way.
const NAMES: u32 = 8_000;
/// Files beside the folder, which come from there and go there.
const OUTSIDE: u32 = 100;

#[derive(Parser)]
#[command(about)]
struct Options {
    /// The folder
    dir: PathBuf,
    /// A folder on the same file system, for what is moved out and in
    beside: PathBuf,
    /// What is done depends on this, and on what other processes do
    #[arg(long)]
    seed: u64,
    /// How many files to make at least
    #[arg(long)]
    files: usize,
}

fn main() {
    let options = Options::parse();
    let mut random = StdRng::seed_from_u64(options.seed);
    let told_to_stop = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let mut made = 0;
    while made < options.files || !told_to_stop.is_finished() {
        make(&options, &mut random);
        made += 1;
        for _ in 0..random.random_range(0..4) {
            change(&options, &mut random);
        }
    }
}

/// A name: some are no UTF-8, hidden, or look like what stands for a byte.
fn name(random: &mut StdRng) -> OsString {
    let number = random.random_range(0..NAMES);
    OsString::from_vec(match number % 10 {
        0 => [format!("{number}").as_bytes(), b"\xff\xe9"].concat(),
        1 => format!(".{number}").into_bytes(),
        2 => format!("{number}\\x5c 🐸").into_bytes(),
        3 => format!("{number}\n\"").into_bytes(),
        _ => format!("{number}").into_bytes(),
    })
}

// What fails was another process's by then.

fn make(options: &Options, random: &mut StdRng) {
    let path = options.dir.join(name(random));
    let is_folder = random.random_ratio(1, 20);
    let _ = if is_folder { fs::create_dir(&path) } else { File::create(&path).map(drop) };
}

fn change(options: &Options, random: &mut StdRng) {
    let (one, other) = (options.dir.join(name(random)), options.dir.join(name(random)));
    let outside = options.beside.join(format!("outside-{}", random.random_range(0..OUTSIDE)));
    let _ = match random.random_range(0..7) {
        0..3 => fs::rename(&one, &other),
        3 => fs::rename(&one, &outside),
        4 => fs::rename(&outside, &one),
        _ => fs::remove_file(&one).or_else(|_| fs::remove_dir(&one)),
    };
}
