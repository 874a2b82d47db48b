// Package document serves bodies that are encoded once and sent to many: plans,
// snapshots of the seats, boards, assets.
package document
