#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ops_fuzz::model_answer(bytes));
