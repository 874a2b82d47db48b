-- How refunded seats come back is decided with the refund: on sale, or off it.
-- Whoever tells the writer, and whoever has to tell it again, reads it here.
ALTER TABLE order_lines ADD COLUMN off_sale boolean NOT NULL DEFAULT false;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_off_sale_check CHECK (refund_no IS NOT NULL OR NOT off_sale) NOT VALID;

-- The writer has the refund's seats back; at once where it has none.
ALTER TABLE refunds ADD COLUMN told_at timestamptz;

-- step: transaction
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_off_sale_check;

-- step: alone
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_untold ON refunds (order_id) WHERE told_at IS NULL;

-- step: batches
UPDATE refunds SET told_at = created_at WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM refunds WHERE told_at IS NULL ORDER BY order_id LIMIT :rows FOR UPDATE));
