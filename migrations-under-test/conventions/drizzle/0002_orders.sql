CREATE TABLE "orders" ("id" serial PRIMARY KEY NOT NULL, "person_id" integer NOT NULL);--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE no action;
