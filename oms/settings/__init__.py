"""Settings by place: base (shared), dev (embedded engines), test, prod. The environment is read once, here."""
