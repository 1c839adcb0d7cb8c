-- Returns whether the server is a standby, and whether this transaction can only read.
SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean;
