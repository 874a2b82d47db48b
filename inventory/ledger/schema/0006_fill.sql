-- An order and its payment are written once and updated once: the free half of each page
-- keeps the updates out of the indexes. It applies to pages that are filled from now on.
ALTER TABLE orders SET (fillfactor = 50);
ALTER TABLE payments SET (fillfactor = 50);
