//! Asks the linker to put code that a small call never runs behind the code that it does.
//!
//! The kernel maps a program in blocks of 64 KiB around what is touched. The code of a small call
//! is a fifth of the program; spread over all of it, it would have nearly everything mapped. Names
//! that match nothing do no harm, and neither does a linker that is not asked.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by variables"
)]

use std::path::Path;
use std::{env, fs, io};

/// Parts of symbol names, as the compiler writes them: a crate or module, its length before it.
const RARELY: [&str; 84] = [
    // What makes tables, filters, dates, YAML, XML and pictures of progress.
    "jaq_",
    "jiff",
    "aho_corasick",
    "regex_",
    "bstr",
    "num_bigint",
    "4libm",
    "saphyr",
    "comfy_table",
    "quick_xml",
    "indicatif",
    "console",
    "4core5slice4sort",
    "4rein4text2jq",
    "4rein6output5items",
    "rein..output..items",
    "4rein6output5junit",
    "4rein6output9write_out",
    "10serde_json",
    "8indexmap",
    // Bodies that are compressed.
    "brotli",
    "ruzstd",
    "miniz_oxide",
    "flate2",
    // TLS as it seldom is today.
    "6rustls6client5tls12",
    "6rustls6client3ech",
    "4ring3rsa",
    // Files that are edited, and what the shell is told.
    "toml_edit",
    "clap_complete",
    "clap_mangen",
    "rpassword",
    "4rein7profile4edit",
    "4rein9catalogue4user",
    // The demo tenant: a server, and its certificate.
    "4rein4demo",
    "rein..demo",
    "6rustls6server",
    "rustls..server",
    "hyper..server",
    "h2..server",
    "hyper_util..server",
    "rcgen",
    "yasna",
    "x509_",
    "3der",
    "spki",
    "hyper..proto..h1..role..Server",
    "6hyper5proto2h14role6Server",
    // Other subcommands and ways of calling, and help.
    "rein..cli..Command",
    "rein..cli..ProfileCommand",
    "rein..cli..AddArgs",
    "rein..cli..CallArgs",
    "rein..cli..follow",
    "13help_template",
    "5socks",
    "4rein5state",
    "4rein6output4meta",
    "4rein4plan6follow",
    "4rein8commands6config",
    "4rein8commands5usage",
    "4rein3cli4curl",
    "4rein4plan4curl",
    "rein..plan..curl",
    "4rein8commands4curl",
    "rein..commands..curl",
    "4rein8exchange6direct",
    "rein..exchange..direct",
    "4rein6signal8shutdown",
    "4rein4plan8template",
    "4rein4plan13user_template",
    "4rein4plan7preview",
    "4rein8commands6follow",
    "4rein8commands9templates",
    "4rein8commands5check",
    "4rein8commands5probe",
    "4rein8commands7profile",
    "4rein8commands4edit",
    "4rein8commands6import",
    "4rein6engine5pages",
    "4rein6engine5until",
    "4rein7verdict12certificates",
    // What describes a panic.
    "gimli",
    "addr2line",
    "rustc_demangle",
    "backtrace_rs",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if !is_asked() {
        return Ok(());
    }
    let patterns: Vec<String> = RARELY
        .iter()
        .map(|name| format!("    *(.text.*{name}*)\n"))
        .collect();
    let script = format!(
        "SECTIONS\n{{\n  .text.rarely :\n  {{\n{}  }}\n}}\nINSERT AFTER .text;\n",
        patterns.concat()
    );
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("order.ld");
    fs::write(&path, script)?;
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", path.display());
    Ok(())
}

/// Returns whether the program is worth it, and the linker is the compiler's own choice: not every
/// linker reads scripts.
fn is_asked() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("PROFILE", "release")
        && env::var_os("RUSTC_LINKER").is_none()
        && !flags.contains("link")
}
