-- Loads orders.csv of the current folder.
\copy orders FROM 'orders.csv' WITH (FORMAT csv, HEADER)
