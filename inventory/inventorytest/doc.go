// Package inventorytest puts an event on sale on real servers, for the tests of
// package inventory and of the packages below it.
package inventorytest
