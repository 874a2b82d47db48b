-- What a line's price is made of beside its parts: the taxes that are in its total, and by
-- which concession and promotion that is less than the list's. A service of the version
-- before writes none of it.
ALTER TABLE order_lines
    ADD COLUMN tax        bigint NOT NULL DEFAULT 0,
    ADD COLUMN concession text   NOT NULL DEFAULT '',
    ADD COLUMN promotion  text   NOT NULL DEFAULT '',
    ADD COLUMN list       bigint NOT NULL DEFAULT 0; -- the total without the two; 0 without either
ALTER TABLE order_lines ADD CONSTRAINT order_lines_tax_check CHECK (tax BETWEEN 0 AND total) NOT VALID;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_list_check
    CHECK (CASE WHEN concession = '' AND promotion = '' THEN list = 0 ELSE list >= total END) NOT VALID;

-- step: transaction
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_tax_check;

-- step: transaction
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_list_check;
