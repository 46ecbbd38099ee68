//! The hot loops, measured: `cargo bench`.

fn main() {
    divan::main();
}
