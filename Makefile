test:
	cargo nextest run --workspace || cargo test --workspace
