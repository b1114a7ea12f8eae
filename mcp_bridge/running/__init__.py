"""`make run`, in the order it happens: prepare, first_run, serve, demo; banner is what people read."""
