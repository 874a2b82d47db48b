// Package recent remembers facts that never change: a pass that was verified, a
// place that was given, a code that was used. What is forgotten is looked up again,
// so a Memory saves work and decides nothing.
//
// Memory is bounded whoever asks for what: two generations of a fixed size. That is
// cheaper than order by use, and does as well where facts are asked for again soon
// or never.
package recent
