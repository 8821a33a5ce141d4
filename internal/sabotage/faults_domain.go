package main

const (
	domainFolder = "inventory"
	domainStock  = "inventory/stock.go"
	domainOrder  = "inventory/order.go"
	domainMoney  = "inventory/money.go"
)

// domainFaults decide wrongly.
var domainFaults = []fault{
	{
		name:    "sell-one-too-many",
		meaning: "An order is accepted when one unit less is left than it asks for.",
		substitutions: []substitution{
			{"inventory/take.go", "stock.Available(), 0); granted > available {", "stock.Available(), 0); granted > available+1 {"}},
		test: in(domainFolder, "TestDecideTake"),
	},
	{
		name:    "sell-after-the-sale",
		meaning: "A product is still sold at the moment at which its sale ends.",
		substitutions: []substitution{
			{"inventory/take.go", "now >= p.SaleEndsAt:", "now > p.SaleEndsAt:"}},
		test: in(domainFolder, "TestDecideTake"),
	},
	{
		name:          "stock-not-checked",
		meaning:       "An event that makes stock negative is absorbed.",
		substitutions: []substitution{{domainStock, "	return s.Check()\n", "	return nil\n"}},
		test:          in(domainFolder, "TestStockReportsAnImpossibleEvent"),
	},
	{
		name:          "oversold-stock-not-reported",
		meaning:       "Stock whose reserved and committed units together are more than there is passes the check.",
		substitutions: []substitution{{domainStock, " || s.Reserved+s.Committed > s.OnHand {\n", " || s.Reserved > s.OnHand {\n"}},
		test:          in(domainFolder, "TestStockReportsAnImpossibleEvent"),
	},
	{
		name:          "write-off-of-promised-units",
		meaning:       "The staff can book out units that are promised to orders.",
		substitutions: []substitution{{domainStock, "	case after < stock.Reserved+stock.Committed:\n", "	case after < 0:\n"}},
		test:          in(domainFolder, "TestDecideAdjust"),
	},
	{
		name:    "confirm-at-the-deadline",
		meaning: "A confirm at expires_at is accepted.",
		substitutions: []substitution{
			{"inventory/change.go", "\t\tcase now < o.ExpiresAt:\n", "\t\tcase now <= o.ExpiresAt:\n"}},
		test: in(domainFolder, "TestDecideConfirm"),
	},
	{
		name:    "confirm-until-the-timer-fires",
		meaning: "A confirm after expires_at is accepted when the timer is late.",
		substitutions: []substitution{
			{"inventory/change.go", "\t\tcase now < o.ExpiresAt:\n", "\t\tcase o.State == Reserved:\n"}},
		test: in(engineFolder, "TestAConfirmAtTheDeadlineIsTooLate"),
	},
	{
		name:    "order-leaves-reserved-twice",
		meaning: "An order that was confirmed can expire, and its units are given back.",
		substitutions: []substitution{
			{domainOrder, "\tOrderExpired:   {[]State{Reserved}, []State{Expired}},\n", "\tOrderExpired:   {[]State{Reserved, Confirmed}, []State{Expired}},\n"}},
		test: in(domainFolder, "TestOrderEvolvesOnlyAlongTheStateMachine"),
	},
	{
		name:          "sum-overflows",
		meaning:       "Sums of quantities and of money wrap around.",
		substitutions: []substitution{{domainMoney, "	if (a > 0 && b > 0 && sum < 0) || (a < 0 && b < 0 && sum >= 0) {\n", "	if false {\n"}},
		test:          in(domainFolder, "TestDecidePlace"),
	},
	{
		name:          "product-overflows",
		meaning:       "The price of many units wraps around.",
		substitutions: []substitution{{domainMoney, "	if high != 0 || low > 1<<63-1 {\n", "	if high > 1<<63 {\n"}},
		test:          in(domainFolder, "TestMoneyIsExactOrRefused"),
	},
	{
		name:    "merged-lines-unbounded",
		meaning: "Lines of one product add up to more than an order may take.",
		substitutions: []substitution{
			{"inventory/place.go", "\t\tif merged[last].Quantity > LineQuantityMax {\n", "\t\tif false {\n"}},
		test: in(domainFolder, "TestMergeLinesRefusesBadQuantities"),
	},
	{
		name:          "past-returns-are-for-sale",
		meaning:       "Units that came back before the shop came here are sold again.",
		substitutions: []substitution{{"inventory/past.go", "To: PartiallyReturned, Lines: lines}", "To: PartiallyReturned, Restock: true, Lines: lines}"}},
		test:          in(domainFolder, "TestThePastLeavesTheStockAsItIs"),
	},
	{
		name:          "past-recorded-twice",
		meaning:       "An import that goes on takes back what it had taken back before.",
		substitutions: []substitution{{"cmd/holdfast/importsale.go", "	if o.returned[line.ProductID] < line.Quantity {\n", "	if true {\n"}},
		test:          in("cmd/holdfast", "TestOrdersOfThePastAreImported"),
	},
}
