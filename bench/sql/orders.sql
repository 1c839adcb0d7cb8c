-- The table that one would write by hand for orders.csv: columns, types and constraints as the pipeline has them.
CREATE TABLE orders (
    order_id    bigint NOT NULL CHECK (order_id >= 1),
    reference   uuid NOT NULL,
    customer    text NOT NULL CHECK (char_length(customer) >= 1) CHECK (char_length(customer) <= 100),
    email       text NOT NULL,
    website     text,
    country     text NOT NULL CHECK (country IN (
        'AT', 'BE', 'CH', 'DE', 'DK', 'ES', 'FI', 'FR', 'GB', 'IE', 'IT', 'NL', 'NO', 'PL', 'PT', 'SE')),
    status      text NOT NULL CHECK (status IN ('open', 'paid', 'packed', 'shipped', 'returned', 'cancelled')),
    article     text NOT NULL,
    description text CHECK (char_length(description) <= 500),
    quantity    bigint NOT NULL CHECK (quantity >= 1) CHECK (quantity <= 1000),
    stock       bigint,
    price       numeric NOT NULL CHECK (price >= 0 AND price <> 'NaN'),
    weight      numeric CHECK (weight > 0 AND weight <> 'NaN'),
    discount    numeric CHECK (discount >= 0 AND discount <> 'NaN') CHECK (discount <= 100 AND discount <> 'NaN'),
    is_gift     boolean NOT NULL,
    ordered_on  date NOT NULL CHECK (ordered_on >= '2000-01-01'),
    shipped_on  date,
    created_at  timestamp with time zone NOT NULL,
    pickup_time time,
    season      integer CHECK (season >= 1990) CHECK (season <= 2100)
);
