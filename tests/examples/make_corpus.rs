//! Writes the seed corpora of all fuzz targets, and takes away seeds that are none any more. Running it again gives the
//! same files.
//!
//! What a fuzzer found belongs elsewhere: `fuzz/run` puts it into `fuzz/finds`. Where it is here, it is left alone.

#[path = "../corpus/mod.rs"]
mod corpus;

use std::{error::Error, fs};

use corpus::Corpus;

fn main() -> Result<(), Box<dyn Error>> {
    for Corpus { target, seeds } in corpus::all()? {
        let folder = corpus::folder().join(target);
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_none_or(|name| !seeds.contains_key(name) && !corpus::is_find(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        for (name, bytes) in &seeds {
            fs::write(folder.join(name), bytes)?;
        }
        println!("{target}: {} seeds, {} bytes", seeds.len(), seeds.values().map(Vec::len).sum::<usize>());
    }
    Ok(())
}
