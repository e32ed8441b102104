/** The page of predictions. */

import { addSwitch } from "../script/theme.js";
import { startPrediction } from "./predict.js";

addSwitch(document);
startPrediction(document.querySelector("[data-predict]"));
