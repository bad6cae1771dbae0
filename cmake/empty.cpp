// A unit for the target that owns the precompiled headers.
