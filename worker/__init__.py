"""Second stage: takes chunks off the queue and loads each in one transaction."""
