//! The launcher of the jail for this crate's tests: nothing but [`jail::main`].

fn main() -> std::process::ExitCode {
    jail::main(std::env::args_os().skip(1))
}
