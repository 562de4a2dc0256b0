"""Is a published release what it says it is? Every check that needs no Ray; `pipeline.verifying` runs them."""
