// vendor/d3.js exports nothing: it leaves `d3` in the global scope. Its types are those of the package @types/d3.
export {};
