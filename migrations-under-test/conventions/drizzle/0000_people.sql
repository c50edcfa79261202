CREATE TABLE "people" (
	"id" serial PRIMARY KEY NOT NULL,
	"name" text NOT NULL
)
--> statement-breakpoint
COMMENT ON TABLE "people" IS 'who''s who; all of them';
