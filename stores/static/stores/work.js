// The pick screen: + and - change the number, within what was asked for.
import "../oms/countdown.js";
import "./stepper.js";
