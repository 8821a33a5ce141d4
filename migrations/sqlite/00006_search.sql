-- Products are found by their words, and listed by name, price and age.

-- +goose Up

-- The words of products, as the program makes them from name, SKU and category: of what
-- the tokenizer takes for a part of a word, they have nothing that it would change. A
-- product whose search_id is NULL was made before, and gets its words at the next start.
CREATE VIRTUAL TABLE product_words USING fts5 (
    words, product_id UNINDEXED, tokenize = 'ascii', detail = 'none', columnsize = 0, prefix = '2 3 4');

ALTER TABLE products ADD COLUMN search_id INTEGER;

CREATE INDEX products_without_words ON products (id) WHERE search_id IS NULL;
-- lower changes the letters of ASCII, here and in the program.
CREATE INDEX products_by_name ON products (lower(name), id) WHERE deleted = 0;
CREATE INDEX products_by_price ON products (price_minor, id) WHERE deleted = 0;
CREATE INDEX products_by_creation ON products (created_at, id) WHERE deleted = 0;
CREATE INDEX products_by_category_and_name ON products (category, lower(name), id) WHERE deleted = 0;
CREATE INDEX products_by_category_and_price ON products (category, price_minor, id) WHERE deleted = 0;
CREATE INDEX products_by_category_and_creation ON products (category, created_at, id) WHERE deleted = 0;

-- +goose Down
-- Nothing: the words are made again when this is applied again.

DROP INDEX products_by_category_and_creation;
DROP INDEX products_by_category_and_price;
DROP INDEX products_by_category_and_name;
DROP INDEX products_by_creation;
DROP INDEX products_by_price;
DROP INDEX products_by_name;
DROP INDEX products_without_words;
ALTER TABLE products DROP COLUMN search_id;
DROP TABLE product_words;
