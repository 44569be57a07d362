-- What keeps the events from next_event on from being written: a row that the database refuses.

ALTER TABLE store_position ADD COLUMN problem text;
