// Package checkpoint keeps tensors on disk so that a crash loses nothing.
//
// A generation is two files of a folder: NAME.safetensors with the tensors and NAME.json, the manifest, which says what the first must hold, with a
// checksum of every tensor and of itself. Each is written to a temporary name, synced, and renamed; the manifest comes last, so a generation is there
// exactly when its manifest is. The two newest generations and what they refer to are kept; the older one is what a damaged newest one
// falls back to. Files that no kept manifest names are removed after a new generation is complete, never before.
//
// Tensors are stored in the safetensors format: eight bytes with the length of a JSON header, the header, the bytes of the tensors without gaps. Whatever is
// read is checked against the size of the file before anything is allocated.
package checkpoint
