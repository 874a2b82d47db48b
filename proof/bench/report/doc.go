// Package report is what a run of the bench says: its results, as they stand in the
// file, whether they reach the marks, how two builds compare, and the part of
// docs/capacity.md that is made of them.
package report
