// Starts the page: language and colours, the panels, then the data.
// Decision PAG-4.

import { startAccount } from "./data/account.js";
import { startAmend } from "./panels/amend_dialog.js";
import { startAppearance } from "./parts/appearance.js";
import { startCandlesPanel } from "./panels/candles_panel.js";
import { startConnection } from "./data/connection.js";
import { startConnectionPanel } from "./panels/connection_panel.js";
import { startDepthChart } from "./panels/depth_chart.js";
import { startDialogs } from "./parts/dialogs.js";
import { startHealth } from "./data/health.js";
import { startHeadline } from "./panels/headline.js";
import { startLadderPanel } from "./panels/ladder_panel.js";
import { startLanguage } from "./parts/language.js";
import { startMarket } from "./data/market.js";
import { startMarketsPanel } from "./panels/markets_panel.js";
import { startMoneyPanel } from "./panels/money_panel.js";
import { startOrdersPanel } from "./panels/orders_panel.js";
import { startShortcuts } from "./parts/shortcuts.js";
import { startSignIn } from "./panels/sign_dialog.js";
import { startTapePanel } from "./panels/tape_panel.js";
import { pickPrice, startTicketPanel } from "./panels/ticket_panel.js";
import { startViews } from "./parts/views.js";

startLanguage();
startAppearance();
startViews();
startHeadline();
startMarketsPanel();
startCandlesPanel();
startDepthChart();
startLadderPanel(pickPrice);
startTapePanel();
startTicketPanel();
startOrdersPanel();
startMoneyPanel();
startConnectionPanel();
startDialogs();
startAmend();
startSignIn();
startShortcuts();
await startAccount();
startMarket();
startConnection();
startHealth();
