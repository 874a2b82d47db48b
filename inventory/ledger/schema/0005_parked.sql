-- Orders that wait for their fans, with all it takes to go on with them: their
-- messages have left ORDERS. A row goes once its order has ended and the seats
-- have followed. The message names the buyer and the payment method, so rows
-- are not kept.
CREATE TABLE parked (
    order_id text        PRIMARY KEY,
    event_id text        NOT NULL,
    message  jsonb       NOT NULL, -- as it was in ORDERS
    since    timestamptz NOT NULL, -- when it was published
    woken_at timestamptz NOT NULL, -- last looked at
    next_at  timestamptz NOT NULL  -- to be looked at again; a claim moves it
);
CREATE INDEX parked_due ON parked (next_at);
