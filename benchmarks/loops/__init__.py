"""Hand-written training loops that the trainer is compared with. Each is a generator: one `next` is one step."""
