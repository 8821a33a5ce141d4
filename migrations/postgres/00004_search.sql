-- Products are found by their words, and listed by name, price and age.

-- +goose Up

-- The words of a product, as the program makes them from name, SKU and category. NULL is
-- a product that was made before: it gets its words at the next start.
ALTER TABLE products ADD COLUMN words text;
ALTER TABLE products ADD COLUMN search tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED;

CREATE INDEX products_by_words ON products USING gin (search);
CREATE INDEX products_without_words ON products (id) WHERE words IS NULL;
-- In collation C, lower changes the letters of ASCII, as the program does.
CREATE INDEX products_by_name ON products (lower(name COLLATE "C"), id) WHERE NOT deleted;
CREATE INDEX products_by_price ON products (price_minor, id) WHERE NOT deleted;
CREATE INDEX products_by_creation ON products (created_at, id) WHERE NOT deleted;
CREATE INDEX products_by_category_and_name ON products (category, lower(name COLLATE "C"), id) WHERE NOT deleted;
CREATE INDEX products_by_category_and_price ON products (category, price_minor, id) WHERE NOT deleted;
CREATE INDEX products_by_category_and_creation ON products (category, created_at, id) WHERE NOT deleted;

-- +goose Down
-- Nothing: the words are made again when this is applied again.

DROP INDEX products_by_category_and_creation;
DROP INDEX products_by_category_and_price;
DROP INDEX products_by_category_and_name;
DROP INDEX products_by_creation;
DROP INDEX products_by_price;
DROP INDEX products_by_name;
DROP INDEX products_without_words;
DROP INDEX products_by_words;
ALTER TABLE products DROP COLUMN search;
ALTER TABLE products DROP COLUMN words;
