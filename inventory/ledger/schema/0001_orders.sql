-- Every constraint restates a rule of the code, so that a mistake in the code
-- is refused here. What a foreign key would check is either proved by the same
-- transaction's counted UPDATE or checked by the audit: keys would cost a
-- lookup for each row of each batch.

CREATE TABLE events (
    event_id   text        PRIMARY KEY,
    name       text        NOT NULL,
    currency   text        NOT NULL CHECK (length(currency) = 3),
    plan       text        NOT NULL,
    places     integer     NOT NULL CHECK (places >= 0),
    starts_at  timestamptz,
    updated_at timestamptz NOT NULL
);

-- A seat is updated once or twice in its life; the free half of each page
-- keeps those updates out of the index.
CREATE TABLE seats (
    event_id text   NOT NULL,
    seat_id  text   NOT NULL,
    status   text   NOT NULL DEFAULT 'AVAILABLE' CHECK (status IN ('AVAILABLE', 'SOLD')),
    fence    bigint NOT NULL DEFAULT 0 CHECK (fence >= 0), -- hold revision of the last sale
    PRIMARY KEY (event_id, seat_id)
) WITH (fillfactor = 50);

CREATE TABLE orders (
    order_id    text        PRIMARY KEY,
    hold_id     text        NOT NULL UNIQUE CHECK (substr(hold_id, 3) = substr(order_id, 3)),
    event_id    text        NOT NULL,
    fan_id      text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('pending', 'paid', 'failed', 'refunded')),
    reason      text        NOT NULL DEFAULT '' CHECK ((state = 'failed') = (reason <> '')),
    total       bigint      NOT NULL CHECK (total >= 0),
    currency    text        NOT NULL CHECK (length(currency) = 3),
    buyer_name  text        NOT NULL,
    buyer_email text        NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX orders_event ON orders (event_id);

CREATE TABLE order_lines (
    order_id      text   NOT NULL,
    seat_id       text   NOT NULL,
    label         text   NOT NULL,
    level         text   NOT NULL,
    base          bigint NOT NULL CHECK (base >= 0),
    service_fee   bigint NOT NULL CHECK (service_fee >= 0),
    facility_fee  bigint NOT NULL CHECK (facility_fee >= 0),
    total         bigint NOT NULL CHECK (total = base + service_fee + facility_fee),
    price_version bigint NOT NULL,
    PRIMARY KEY (order_id, seat_id)
);

-- The last word on who owns a seat.
CREATE TABLE bookings (
    event_id      text        NOT NULL,
    seat_id       text        NOT NULL,
    order_id      text        NOT NULL,
    ticket_id     text        NOT NULL,
    hold_revision bigint      NOT NULL CHECK (hold_revision > 0),
    booked_at     timestamptz NOT NULL,
    UNIQUE (event_id, seat_id)
);

CREATE TABLE tickets (
    ticket_id  text    PRIMARY KEY,
    event_id   text    NOT NULL,
    seat_id    text    NOT NULL,
    order_id   text    NOT NULL,
    fan_id     text    NOT NULL,
    label      text    NOT NULL,
    state      text    NOT NULL CHECK (state IN ('valid', 'void')),
    generation integer NOT NULL CHECK (generation >= 1)
);
CREATE INDEX tickets_order ON tickets (order_id);

CREATE TABLE payments (
    order_id   text        PRIMARY KEY,
    provider   text        NOT NULL,
    reference  text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('authorized', 'captured', 'voided', 'declined')),
    amount     bigint      NOT NULL CHECK (amount >= 0),
    currency   text        NOT NULL CHECK (length(currency) = 3),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- What the payment provider has still to be told. attempts is also the token
-- of a claim: it rises with each claim and each renewal of the task.
CREATE TABLE outbox (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text        NOT NULL CHECK (kind IN ('capture', 'void')),
    order_id text        NOT NULL,
    payload  jsonb       NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL,
    done_at  timestamptz,
    UNIQUE (order_id, kind)
);
CREATE INDEX outbox_due ON outbox (next_at) WHERE done_at IS NULL;
