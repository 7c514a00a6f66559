//! The launcher of the jail for this crate's tests and benchmarks: nothing but [`encode::jail::main`].

fn main() -> std::process::ExitCode {
    encode::jail::main(std::env::args_os().skip(1))
}
