-- Money given back. A refund of seats names its lines (order_lines.refund_no);
-- one without lines returns what was captured for an order that was not paid.
-- amount is 0 where nothing had been captured: the authorisation is voided.
CREATE TABLE refunds (
    order_id   text        NOT NULL,
    refund_no  integer     NOT NULL CHECK (refund_no >= 1),
    amount     bigint      NOT NULL CHECK (amount >= 0),
    why        text        NOT NULL CHECK (why <> ''),
    asked_by   text        NOT NULL CHECK (asked_by <> ''),
    created_at timestamptz NOT NULL,
    done_at    timestamptz, -- the provider has confirmed it
    PRIMARY KEY (order_id, refund_no)
);

-- Lines are history: a refunded one stays and says so.
ALTER TABLE order_lines ADD COLUMN refund_no integer;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_refund_no_check CHECK (refund_no >= 1) NOT VALID;

-- One task for each refund of an order; refund_no is 0 for the other kinds.
ALTER TABLE outbox ADD COLUMN refund_no integer NOT NULL DEFAULT 0;
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('capture', 'void', 'refund')) NOT VALID;
ALTER TABLE outbox ADD CONSTRAINT outbox_refund_check CHECK ((kind = 'refund') = (refund_no > 0)) NOT VALID;

-- step: transaction
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_refund_no_check;

-- step: transaction
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_kind_check;
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_refund_check;

-- step: alone
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS outbox_order_id_kind_refund_no_key ON outbox (order_id, kind, refund_no);

-- step: transaction
ALTER TABLE outbox DROP CONSTRAINT outbox_order_id_kind_key;
ALTER TABLE outbox ADD CONSTRAINT outbox_order_id_kind_refund_no_key UNIQUE USING INDEX outbox_order_id_kind_refund_no_key;

-- step: alone
-- Failed orders under which a payment may still turn up.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_void ON outbox (done_at, order_id) WHERE kind = 'void';

-- step: alone
-- A fan's orders, newest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_fan ON orders (fan_id, created_at, order_id);
