//! The process: everything is in the library beside it, where fuzz targets reach it, too.

use std::process::ExitCode;

fn main() -> ExitCode {
    kinora::main()
}
