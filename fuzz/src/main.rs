//! The fuzzer: one binary for all targets, `KINORA_FUZZ` names the one. Started by `fuzz/run`.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<&'static fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("KINORA_FUZZ").unwrap_or_default();
    fuzz::find(&name).unwrap_or_else(|| panic!("KINORA_FUZZ=`{name}` is no target"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
