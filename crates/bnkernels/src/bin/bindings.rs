//! Writes the TypeScript bindings of all kernels.

fn main() -> std::io::Result<()> {
    for (path, text) in bnkernels::exports::bindings::files() {
        std::fs::write(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR")), text)?;
    }
    Ok(())
}
