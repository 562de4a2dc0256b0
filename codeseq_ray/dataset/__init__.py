"""Views of the record: what a release holds, its schemas, its counts and its card. Pure: no store, no Ray."""
