//! `cargo fuzz run endpoint`: whatever is joined to an endpoint lies under it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::profile::Base;

fuzz_target!(|path: &str| {
    let base = Base::from_endpoint("https://h.example/acme/dev/reinfer_").expect("a base");
    if let Ok(url) = base.join(path) {
        assert!(base.owns(&url));
        assert!(url.as_str().starts_with(base.as_str()));
    }
    let _any_text = Base::from_endpoint(path);
});
