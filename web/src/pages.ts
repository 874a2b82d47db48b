// The script of all pages but an event's; which one it is data- attributes of the body tell.

import { showDraw } from "./lottery";
import { showOrders } from "./orders";
import { showTicket } from "./ticket";
import { besideInstants } from "./time";

const { page, event, ticket } = document.body.dataset;
if (page === "draw" && event) showDraw(event);
if (page === "ticket" && ticket) showTicket(ticket);
if (page === "orders") showOrders();
if (page === "index") besideInstants();
