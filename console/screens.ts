/** Every screen of the console. Each room lists its own; in the navigation they stand in this order. */
import {
  accessScreen,
  approvalsScreen,
  auditScreen,
  deadLettersScreen,
  operationsScreen,
  rulesScreen,
  sitesScreen,
  whyScreen,
} from "./access/screens.ts";
import {
  collectionListScreen,
  collectionScreen,
  deviceListScreen,
  deviceScreen,
} from "./devices/screens.ts";
import { notificationListScreen, notificationScreen } from "./notifications/screens.ts";
import { aboutScreen, overviewScreen } from "./overview/screens.ts";
import type { Screen } from "./page/screen.ts";
import {
  historyScreen,
  runListScreen,
  runScreen,
  taskListScreen,
  templateListScreen,
  templateScreen,
} from "./provisioning/screens.ts";
import {
  addDevicesScreen,
  autopilotScreen,
  customersScreen,
  registrationListScreen,
  registrationScreen,
} from "./registration/screens.ts";
import {
  baselineListScreen,
  baselineScreen,
  compareScreen,
  configurationScreen,
  itemScreen,
  planScreen,
  syncListScreen,
  syncScreen,
} from "./sync/screens.ts";
import { tenantsScreen } from "./tenants/screens.ts";

export const screens: readonly Screen[] = [
  overviewScreen,
  tenantsScreen,
  deviceListScreen,
  deviceScreen,
  collectionListScreen,
  collectionScreen,
  notificationListScreen,
  notificationScreen,
  templateListScreen,
  templateScreen,
  taskListScreen,
  runListScreen,
  runScreen,
  historyScreen,
  syncListScreen,
  syncScreen,
  planScreen,
  compareScreen,
  configurationScreen,
  itemScreen,
  baselineListScreen,
  baselineScreen,
  approvalsScreen,
  sitesScreen,
  accessScreen,
  rulesScreen,
  whyScreen,
  auditScreen,
  deadLettersScreen,
  operationsScreen,
  aboutScreen,
  registrationListScreen,
  registrationScreen,
  autopilotScreen,
  customersScreen,
  addDevicesScreen,
];
