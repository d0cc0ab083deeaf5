"""Hand-written training loops that the trainer is measured against. Each is a generator: one `next` is one step."""
