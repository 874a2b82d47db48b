-- A capture that the provider refuses for good is asked for no more until an operator says
-- so. next_at is then infinity, so that a relay of the version before leaves it alone.
ALTER TABLE outbox ADD COLUMN refused_at timestamptz;
ALTER TABLE outbox ADD COLUMN refusal text;
ALTER TABLE outbox ADD CONSTRAINT outbox_refused_check
    CHECK ((refused_at IS NULL) = (refusal IS NULL) AND (refused_at IS NULL OR kind = 'capture')) NOT VALID;

-- A paid order's money that will never come.
ALTER TABLE payments DROP CONSTRAINT payments_state_check;
ALTER TABLE payments ADD CONSTRAINT payments_state_check
    CHECK (state IN ('authorized', 'captured', 'voided', 'declined', 'written_off')) NOT VALID;

-- An order whose tickets were taken back, since its money never came, says so.
ALTER TABLE orders DROP CONSTRAINT orders_check1;
ALTER TABLE orders ADD CONSTRAINT orders_reason_check
    CHECK (reason <> '' AND state IN ('failed', 'refunded') OR reason = '' AND state <> 'failed') NOT VALID;

-- step: transaction
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_refused_check;

-- step: transaction
ALTER TABLE payments VALIDATE CONSTRAINT payments_state_check;

-- step: transaction
ALTER TABLE orders VALIDATE CONSTRAINT orders_reason_check;

-- step: alone
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_refused ON outbox (order_id) WHERE refused_at IS NOT NULL AND done_at IS NULL;
