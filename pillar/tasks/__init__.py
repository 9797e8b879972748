"""Work without a browser: what the worker does, what the scheduler starts, how rows find their way there."""
