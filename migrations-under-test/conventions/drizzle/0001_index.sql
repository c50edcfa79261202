CREATE INDEX "orders_person_id_idx" ON "orders" USING btree ("person_id");
