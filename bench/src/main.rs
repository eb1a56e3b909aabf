//! The command `bench`: see its `--help`.

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    bench::run(bench::Options::parse())
}
