class V3__Backfill {}
