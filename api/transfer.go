package api

// The structs of this file, and of transfer_account.go, are the bodies of requests and answers. Their schemas
// are made from the tags: json names a member (one with omitzero is optional), doc
// describes it, and schema bounds it, with bounds separated by
// semicolons. A pointer is a member that may be null.

type ticketReply struct {
	Ticket    string `json:"ticket" doc:"For one GET /api/ws?ticket=…, once."`
	ExpiresIn int64  `json:"expires_in" doc:"Seconds until the ticket ends." schema:"minimum=1"`
}

type money struct {
	Amount   int64  `json:"amount" doc:"Minor units, such as cents." schema:"minimum=0;maximum=1000000000000"`
	Currency string `json:"currency" doc:"ISO 4217." schema:"pattern=^[A-Z]{3}$"`
}

type total struct {
	Amount   int64  `json:"amount" doc:"Minor units, such as cents." schema:"minimum=0"`
	Currency string `json:"currency" doc:"ISO 4217." schema:"pattern=^[A-Z]{3}$"`
}

type saleBody struct {
	StartsAt *string `json:"starts_at,omitzero" doc:"The first moment of the sale; null means open." schema:"format=date-time"`
	EndsAt   *string `json:"ends_at,omitzero" doc:"The first moment after the sale; null means open." schema:"format=date-time"`
}

type saleReply struct {
	StartsAt *string `json:"starts_at" schema:"format=date-time"`
	EndsAt   *string `json:"ends_at" schema:"format=date-time"`
}

// productChangeBody is all of a product that can be changed.
type productChangeBody struct {
	SKU           string    `json:"sku" doc:"Stock keeping unit, unique." schema:"pattern=^[!-~]{1,64}$"`
	Name          string    `json:"name" schema:"minLength=1;maxLength=200"`
	Description   string    `json:"description,omitzero" schema:"maxLength=4000"`
	Category      string    `json:"category,omitzero" schema:"pattern=^[a-z0-9-]{0,64}$"`
	Price         money     `json:"price"`
	PurchaseLimit *int64    `json:"purchase_limit,omitzero" doc:"Units that one customer may hold and buy from the start of the sale on; null means no limit." schema:"minimum=1;maximum=1000000000000"`
	Sale          *saleBody `json:"sale,omitzero" doc:"When it is sold; null means always."`
	HoldSeconds   int64     `json:"hold_seconds,omitzero" doc:"How long an unpaid order keeps its units; 600 when absent." schema:"minimum=1;maximum=604800"`
	Safety        int64     `json:"safety,omitzero" doc:"Units that are never sold." schema:"minimum=0;maximum=1000000000000"`
}

// productBody is a product that is not there yet.
type productBody struct {
	SKU           string    `json:"sku" doc:"Stock keeping unit, unique." schema:"pattern=^[!-~]{1,64}$"`
	Name          string    `json:"name" schema:"minLength=1;maxLength=200"`
	Description   string    `json:"description,omitzero" schema:"maxLength=4000"`
	Category      string    `json:"category,omitzero" schema:"pattern=^[a-z0-9-]{0,64}$"`
	Price         money     `json:"price"`
	PurchaseLimit *int64    `json:"purchase_limit,omitzero" doc:"Units that one customer may hold and buy from the start of the sale on; null means no limit." schema:"minimum=1;maximum=1000000000000"`
	Sale          *saleBody `json:"sale,omitzero" doc:"When it is sold; null means always."`
	HoldSeconds   int64     `json:"hold_seconds,omitzero" doc:"How long an unpaid order keeps its units; 600 when absent." schema:"minimum=1;maximum=604800"`
	Safety        int64     `json:"safety,omitzero" doc:"Units that are never sold." schema:"minimum=0;maximum=1000000000000"`
	Stock         int64     `json:"stock" doc:"The opening stock." schema:"minimum=0;maximum=1000000000000"`
}

type stockReply struct {
	OnHand    int64 `json:"on_hand" doc:"Physical units." schema:"minimum=0"`
	Reserved  int64 `json:"reserved" doc:"Held by unpaid orders." schema:"minimum=0"`
	Committed int64 `json:"committed" doc:"Paid and not shipped." schema:"minimum=0"`
	Safety    int64 `json:"safety" doc:"Never sold." schema:"minimum=0"`
	Available int64 `json:"available" doc:"on_hand - reserved - committed - safety, and not below 0." schema:"minimum=0"`
	Version   int64 `json:"version" doc:"Grows by one with every durable change." schema:"minimum=0"`
}

type productReply struct {
	ID            string     `json:"id" schema:"format=uuid"`
	SKU           string     `json:"sku"`
	Name          string     `json:"name"`
	Description   string     `json:"description"`
	Category      string     `json:"category"`
	Price         money      `json:"price"`
	PurchaseLimit *int64     `json:"purchase_limit" doc:"Units that one customer may hold and buy from the start of the sale on; null means no limit." schema:"minimum=1"`
	Sale          *saleReply `json:"sale"`
	HoldSeconds   int64      `json:"hold_seconds" schema:"minimum=1"`
	Safety        int64      `json:"safety" schema:"minimum=0"`
	Paused        bool       `json:"paused" doc:"Whether it is off sale for the moment."`
	Version       int64      `json:"version" doc:"Of the catalogue entry." schema:"minimum=1"`
	Stock         stockReply `json:"stock"`
	CreatedAt     string     `json:"created_at" schema:"format=date-time"`
	UpdatedAt     string     `json:"updated_at" schema:"format=date-time"`
}

type productPage struct {
	Items      []productReply `json:"items"`
	NextCursor *string        `json:"next_cursor" doc:"Null on the last page."`
}

type quantities struct {
	OnHand    int64 `json:"on_hand" schema:"minimum=0"`
	Reserved  int64 `json:"reserved" schema:"minimum=0"`
	Committed int64 `json:"committed" schema:"minimum=0"`
}

type pastStockReply struct {
	At        string `json:"at" schema:"format=date-time"`
	Version   int64  `json:"version" doc:"The stock version of the last movement that counts; 0 is none." schema:"minimum=0"`
	OnHand    int64  `json:"on_hand" schema:"minimum=0"`
	Reserved  int64  `json:"reserved" schema:"minimum=0"`
	Committed int64  `json:"committed" schema:"minimum=0"`
}

type movementItem struct {
	Version int64      `json:"version" doc:"The stock version after it." schema:"minimum=1"`
	At      string     `json:"at" schema:"format=date-time"`
	Kind    string     `json:"kind" schema:"enum=order_placed|order_confirmed|order_cancelled|order_expired|stock_adjusted|order_fulfilled|order_returned|order_reduced"`
	OrderID *string    `json:"order_id" doc:"null for what no order has done." schema:"format=uuid"`
	By      *string    `json:"by" doc:"The account or API key; null is the program, such as at the end of a hold." schema:"format=uuid"`
	Reason  string     `json:"reason"`
	Note    string     `json:"note"`
	Before  quantities `json:"before"`
	After   quantities `json:"after"`
}

type movementPage struct {
	Items      []movementItem `json:"items"`
	NextCursor *string        `json:"next_cursor" doc:"Null on the last page."`
}

type adjustBody struct {
	Delta  int64  `json:"delta" doc:"Units to add, or to take when negative; not 0." schema:"minimum=-1000000000000;maximum=1000000000000"`
	Reason string `json:"reason" doc:"A word, such as received, counted or damaged." schema:"pattern=^[a-z][a-z0-9_-]{0,63}$"`
	Note   string `json:"note,omitzero" doc:"Free text, at most 500 bytes." schema:"maxLength=500"`
}

type orderItemBody struct {
	ProductID string `json:"product_id" schema:"format=uuid"`
	Quantity  int64  `json:"quantity" schema:"minimum=1;maximum=1000000"`
}

type orderBody struct {
	Items  []orderItemBody `json:"items" doc:"Items of the same product are merged." schema:"minItems=1;maxItems=2000"`
	Policy string          `json:"policy,omitzero" doc:"all_or_nothing, the default, refuses an order that cannot be served whole. allow_partial takes what there is: the answer says what was dropped." schema:"enum=all_or_nothing|allow_partial"`
}

type emptyBody struct{}

type cancelItemBody struct {
	ProductID string `json:"product_id" schema:"format=uuid"`
}

type cancelBody struct {
	Items []cancelItemBody `json:"items,omitzero" doc:"The lines to release, each as a whole; the order goes on with the others. All when absent." schema:"minItems=1;maxItems=2000"`
}

type fulfillBody struct {
	Items []orderItemBody `json:"items,omitzero" doc:"What is shipped; items of the same product are merged. All that is left when absent." schema:"minItems=1;maxItems=2000"`
}

type returnBody struct {
	Items   []orderItemBody `json:"items,omitzero" doc:"What comes back; items of the same product are merged. All that was shipped and has not come back when absent." schema:"minItems=1;maxItems=2000"`
	Restock bool            `json:"restock,omitzero" doc:"Whether the units can be sold again; false writes them off. true when absent."`
}

type orderItemReply struct {
	ProductID    string  `json:"product_id" schema:"format=uuid"`
	SKU          string  `json:"sku"`
	Quantity     int64   `json:"quantity" doc:"Units that the order has now: those asked for, less dropped and released. Shipped and returned ones are among them." schema:"minimum=0"`
	Price        money   `json:"price" doc:"Of one unit, when the order was placed."`
	StockVersion int64   `json:"stock_version" doc:"The product's stock version after the order was placed; 0 when it is no longer known, or when nothing of the product was placed." schema:"minimum=0"`
	Dropped      int64   `json:"dropped" doc:"Units that were asked for and not placed, under allow_partial." schema:"minimum=0"`
	DroppedFor   *string `json:"dropped_for" doc:"Why; null when nothing was dropped." schema:"enum=insufficient_stock|sold_out|all_held|quantity_limit_customer|sale_not_started|sale_ended|paused|not_found"`
	Released     int64   `json:"released" doc:"Units that were given back while the order went on." schema:"minimum=0"`
	Shipped      int64   `json:"shipped" doc:"Units that were shipped, returned ones included." schema:"minimum=0"`
	Returned     int64   `json:"returned" doc:"Units that came back." schema:"minimum=0"`
}

// orderReply describes what order_reply.go writes. Every member is always there,
// so that a reader needs no case for what has not happened.
type orderReply struct {
	ID          string           `json:"id" schema:"format=uuid"`
	Status      string           `json:"status" schema:"enum=reserved|confirmed|partially_fulfilled|fulfilled|partially_returned|returned|cancelled|expired"`
	CustomerID  string           `json:"customer_id" schema:"format=uuid"`
	PlacedAt    string           `json:"placed_at" schema:"format=date-time"`
	ExpiresAt   string           `json:"expires_at" doc:"When the hold ends." schema:"format=date-time"`
	Extended    bool             `json:"extended" doc:"Whether the one extension of the hold was used."`
	UpdatedAt   string           `json:"updated_at" schema:"format=date-time"`
	Items       []orderItemReply `json:"items" doc:"One item of each product, ascending by product_id."`
	Total       total            `json:"total" doc:"Of the quantities that the order has now."`
	RefundDue   *total           `json:"refund_due" doc:"Money that was paid after the order had ended, and has to be paid back; null is none."`
	ServerTime  string           `json:"server_time" schema:"format=date-time"`
	SecondsLeft int64            `json:"seconds_left" doc:"Whole seconds until the hold ends; 0 when it has ended or the order is not reserved." schema:"minimum=0"`
}

type orderPage struct {
	Items      []orderReply `json:"items"`
	NextCursor *string      `json:"next_cursor" doc:"Null on the last page."`
}

type checkReply struct {
	Name   string `json:"name"`
	Status string `json:"status" schema:"enum=ok|degraded|failed"`
	Detail string `json:"detail,omitzero"`
}

type healthReply struct {
	Status string       `json:"status" schema:"enum=ok|not_ready"`
	Checks []checkReply `json:"checks,omitzero"`
}

type fieldErrorReply struct {
	Pointer   string `json:"pointer" doc:"A JSON Pointer into the body as a URI fragment, or the name of a header or parameter."`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Requested int64  `json:"requested,omitzero" schema:"minimum=0"`
	Available *int64 `json:"available,omitzero" schema:"minimum=0"`
}

// problemReply describes what problem.go writes.
type problemReply struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int64             `json:"status" schema:"minimum=400;maximum=599"`
	Detail     string            `json:"detail"`
	Instance   string            `json:"instance" doc:"The path that was asked for."`
	Code       string            `json:"code" doc:"What programs should look at."`
	RequestID  string            `json:"request_id"`
	Errors     []fieldErrorReply `json:"errors,omitzero" doc:"The members that are not valid, or the items that are refused. For missing units, every item that was short then."`
	ProductID  string            `json:"product_id,omitzero" doc:"The product that the refusal is about." schema:"format=uuid"`
	Requested  int64             `json:"requested,omitzero" doc:"Units that were asked for." schema:"minimum=0"`
	Available  *int64            `json:"available,omitzero" doc:"Units that there were." schema:"minimum=0"`
	Remaining  *int64            `json:"remaining,omitzero" doc:"Units that you may still buy, for quantity_limit_customer." schema:"minimum=0"`
	StartsAt   string            `json:"starts_at,omitzero" schema:"format=date-time"`
	EndsAt     string            `json:"ends_at,omitzero" schema:"format=date-time"`
	NextExpiry string            `json:"next_expiry,omitzero" doc:"When the next hold ends, unless it is paid or cancelled before." schema:"format=date-time"`
	ExpiresAt  string            `json:"expires_at,omitzero" schema:"format=date-time"`
	ServerTime string            `json:"server_time,omitzero" schema:"format=date-time"`
}
