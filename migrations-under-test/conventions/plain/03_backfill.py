print("a step that is no SQL")
